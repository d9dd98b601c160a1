"""Bibliography style ``known``: prints what an entry has and demands nothing.

The library records only what was read of a work, so an article may have no author or journal on
record; the usual styles answer that with "missing author" in place of the whole entry.
"""

from pybtex.plugin import register_plugin
from pybtex.style.formatting.unsrt import Style, date, toplevel
from pybtex.style.template import field, optional, optional_field, sentence, tag, words


class Known(Style):
    def template(self, entry):
        return toplevel[
            optional[sentence[self.format_names("author", as_sentence=False)]],
            optional[sentence[field("title")]],
            sentence[
                optional[tag("em")[field("journal")]],
                optional[words["in", tag("em")[field("booktitle")]]],
                optional_field("volume"),
                optional_field("pages"),
                optional_field("publisher"),
                optional_field("howpublished"),
                optional[date],
            ],
            optional[sentence[words["PMID", field("pmid")]]],
            sentence[optional_field("note")],
            self.format_web_refs(entry),
        ]

    get_article_template = get_book_template = get_incollection_template = get_inproceedings_template = template
    get_misc_template = get_online_template = get_phdthesis_template = get_techreport_template = template


def setup(app):
    register_plugin("pybtex.style.formatting", "known", Known)
    return {"parallel_read_safe": True}
