"""The definitions in use, as data: default, alternatives, guard, source. Served by ``potentiate conventions``."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import UnknownNameError


@dataclass(frozen=True)
class Convention:
    """How one quantity is defined.

    Attributes
    ----------
    quantity : str
    function : str
        Name in :mod:`potentiate.measures`.
    default : str
        Name of the default convention.
    alternatives : tuple of str
        Further names that the function accepts.
    definition : str
        What the default means, with the alternatives.
    guard : str
        When the number is withheld or marked.
    citation : str
        Where the definition is used or described; ``convention of this laboratory`` where it is ours.
    """

    quantity: str
    function: str
    default: str
    alternatives: tuple[str, ...]
    definition: str
    guard: str
    citation: str


CONVENTIONS: tuple[Convention, ...] = (
    Convention(
        "peak", "peak", "auto", ("negative", "positive"),
        "largest deviation from the mean of the baseline window; 'auto' takes the larger side",
        "'no response' below 5 standard deviations of the baseline",
        "convention of this laboratory",
    ),
    Convention(
        "rise", "rise", "10-90", ("20-80",),
        "time between the last crossings of the two fractions of the peak before the peak; 20-80 is the usual "
        "measure of solution exchange at the open tip",
        "'not resolved' when fewer than three samples lie between the crossings; the sampling interval is noted",
        "convention of this laboratory; 20-80 % is in use for exchange at the open tip",
    ),
    Convention(
        "decay", "decay", "auto", ("mono", "bi"),
        "least squares from 95 % of the peak; one or two exponentials by AICc; amplitudes are relative and count "
        "from the start of the fit",
        "the loser and its AICc difference are noted; 'not determined' when a time constant leaves the window",
        "AICc: Hurvich & Tsai 1989, Biometrika 76:297; variable projection: Golub & Pereyra 1973, "
        "SIAM J Numer Anal 10:413",
    ),
    Convention(
        "weighted tau", "weighted_tau", "amplitude", ("charge over peak",),
        "amplitude: tau_fast A_fast + tau_slow A_slow with relative amplitudes; charge over peak: integral of the "
        "response after its peak divided by the peak",
        "the two differ when there is a pedestal",
        "convention of this laboratory; relative amplitudes as in two-exponential fits of patch currents",
    ),
    Convention(
        "decay time", "decay_time", "1/e", ("half",),
        "time from the peak to the first crossing of 1/e (37 %) or half of the peak",
        "'not determined' when the level is not reached",
        "convention of this laboratory",
    ),
    Convention(
        "deactivation", "deactivation", "of value at pulse end", ("of peak",),
        "time from the END of the pulse until the current is 1/e of its value at the pulse end, or of its peak",
        "'not determined' when the level is not reached",
        "convention of this laboratory; published tables seldom say from where they count",
    ),
    Convention(
        "desensitization", "desensitization", "1/e", ("fit",),
        "time from the peak to 1/e of (peak - steady), or one exponential on a free pedestal from the "
        "peak to the pulse end",
        "carries 'not steady' where the plateau still moves",
        "convention of this laboratory",
    ),
    Convention(
        "SS/peak", "steady_state_ratio", "last 10 %", ("last 5 ms",),
        "mean of the end of the pulse divided by the peak",
        "'not steady' where the current moves over the window by more than 2 % of the plateau, beyond its noise",
        "convention of this laboratory",
    ),
    Convention(
        "recovery", "recovery", "mono", ("hodgkin-huxley 4",),
        "(peak2 - SS) / (peak1 - SS) against interval: 1 - (1 - r0) exp(-t/tau), or r0 + (1 - r0)(1 - exp(-t/tau))^4; "
        "t63 is the interpolated interval of 63 % recovery",
        "the normalisation is noted; words from the profile",
        "convention of this laboratory; the fourth power is the form of Hodgkin and Huxley",
    ),
    Convention(
        "half-width", "half_width", "half of peak", (),
        "time between the last crossing of half of the peak before it and the first one after it",
        "'not determined' when the response starts above half of the peak or does not fall to it",
        "convention of this laboratory",
    ),
    Convention(
        "charge", "charge", "to baseline", ("window",),
        "integral from the start of the response until it returns to 2 standard deviations of the baseline "
        "(0.5 % of the peak if that is larger)",
        "'not determined' when the current does not return",
        "convention of this laboratory",
    ),
    Convention(
        "PPR", "paired_pulse_ratio", "ratio of means", ("mean of ratios",),
        "mean second response divided by mean first response",
        "the mean of ratios is biased upward; its excess is noted",
        "Kim & Alger 2001, J Neurosci 21:9608",
    ),
    Convention(
        "NSFA", "nonstationary_noise", "peak-scaled", ("unscaled",),
        "variance around the (scaled) mean against the mean, in bins of equal amplitude; i I - I^2/N + background",
        "'refused' where the peaks drift by more than 10 %; with peak scaling N is not the number of channels",
        "Sigworth 1980, J Physiol 307:97; peak scaling: Traynelis, Silver & Cull-Candy 1993 (PMID 7688973)",
    ),
    Convention(
        "concentration-response", "concentration_response", "4-parameter", ("3-parameter", "3-parameter nH=1"),
        "Hill function of log10 C through all points; 3-parameter: bottom 0; profile 95 % intervals",
        "words determined / one-sided / not determined",
        "profile: Bates & Watts 1988, Nonlinear Regression Analysis and Its Applications, chapter 6",
    ),
    Convention(
        "half-maximal concentration", "half_concentration", "half_of_given", ("half_of_saturating",),
        "interpolated on log10 C where the response is half of that at a given concentration, or half of a stated "
        "saturating response",
        "'not determined' when half is not crossed inside the tested range",
        "convention of this laboratory: an EC50 depends on which response it is half of",
    ),
    Convention(
        "fEPSP slope", "measure_field", "fixed window", ("maximum", "20-80", "20-90", "10-90"),
        "fixed window: line through the samples between two times after the stimulus, the same for all sweeps (20 to "
        "80 % of the mean of all sweeps where none is given); maximum: steepest line of 1 ms before the peak; low-high "
        "%: line between two parts of the peak of each sweep",
        "low-high % is 'refused' when the peak is below 5 SD of the baseline; the others are then marked 'no response'",
        "the three definitions of WinLTP: Anderson & Collingridge 2007, J Neurosci Methods 162:346",
    ),
    Convention(
        "fEPSP level samples", "level_samples", "last crossing", ("nearest sample",),
        "which samples bound a low-high % slope. last crossing: from the sample after the last one below low to the "
        "last one below high; nearest sample: those whose absolute deviation from the start is nearest to the levels",
        "with 'nearest sample' a wave of the other sign can be taken for the low level",
        "nearest sample: found from the windows in the results of github leoreh/slutsky_fepsp (93 of 93 follow)",
    ),
    Convention(
        "fibre volley", "find_volley", "shoulders", ("baseline", "preceding peak"),
        "from the trough of the fast wave before the fEPSP to the line between its shoulders, to the baseline, or to "
        "the peak before it",
        "'not separable' where it merges with the artefact or the fEPSP; 'no response' below 5 SD of the baseline",
        "convention of this laboratory",
    ),
    Convention(
        "I-O slope", "input_output", "with intercept", ("through zero",),
        "straight line of the response on the stimulus (or on the fibre volley) through all points, least squares; "
        "the half-maximal stimulus is that of a Boltzmann function from 0",
        "words determined / one-sided / not determined for the half-maximal stimulus",
        "convention of this laboratory; Student's t interval of a regression slope",
    ),
    Convention(
        "minute bins", "bin_time", "[k, k+1)", ("(k, k+1]",),
        "consecutive sweeps are averaged per minute of time since the first; (k, k+1] puts the sweep at k+1 into bin "
        "k, and t = 0 into the first",
        "empty bins stay empty and are counted",
        "(k, k+1]: R package patchclampplotteR",
    ),
    Convention(
        "time course", "time_course", "last 10 min", ("last 5 min", "last 20 min", "window"),
        "mean of the sweeps of the last minutes in % of the mean of the baseline (its last 20 min before induction)",
        "'unstable baseline' where the baseline drifts by more than 5 % in 20 min and the drift is beyond its noise",
        "convention of this laboratory; minutes after induction are read as in field recordings of LTP",
    ),
    Convention(
        "fold change", "fold_change", "drug over control", (),
        "ratio of an observable with and without drug",
        "'refused' where the control lies outside the native range of the receptor",
        "convention of this laboratory",
    ),
    Convention(
        "unit of n", "unit_of_n", "coarsest level", (),
        "animals where the table names animals, else slices, else cells, else rows",
        "'refused' where several units come from one group of a coarser level (cells of one animal)",
        "pseudoreplication: Hurlbert 1984, Ecol Monogr 54:187; Lazic 2010, BMC Neurosci 11:5",
    ),
    Convention(
        "effect size", "mean_difference", "BCa", ("percentile", "t"),
        "mean difference, or ratio of geometric means, with a 95 % interval by the bias-corrected accelerated "
        "bootstrap; t: Student or Welch",
        "no interval below n = 3; below n = 10 the t interval is noted beside the bootstrap",
        "BCa: Efron 1987, JASA 82:171; estimation plots: Ho et al. 2019, Nat Methods 16:565",
    ),
    Convention(
        "test of groups", "compare", "t", ("rank",),
        "paired t or Welch's t; rank: Wilcoxon's signed ranks or Mann and Whitney's U; p adjusted after Holm over "
        "the comparisons of one table",
        "'refused' where cells would be counted as animals, or units of an unpaired test occur in both groups",
        "Welch 1947, Biometrika 34:28; Holm 1979, Scand J Statist 6:65",
    ),
    Convention(
        "mixed model", "mixed_model", "REML, Kenward-Roger", (),
        "random intercepts of nested levels (animal / slice / cell); marginal means averaged equally over the other "
        "factors, geometric where logarithms are fitted",
        "'solver' where the search fails; no numbers where nothing was measured or the degrees of freedom do not exist",
        "Patterson & Thompson 1971, Biometrika 58:545; Kenward & Roger 1997, Biometrics 53:983",
    ),
    Convention(
        "AUC", "area_under_curve", "linear-up log-down", ("linear",),
        "falling parts of the curve are integrated as exponentials and rising ones by trapezoids, or all by "
        "trapezoids; to infinity by the last positive sample over lambda_z",
        "'not determined' where more than 20 % is extrapolated, 'refused' where earlier doses are in the curve",
        "Purves 1992, J Pharmacokinet Biopharm 20:211",
    ),
    Convention(
        "lambda_z", "terminal_line", "best adjusted R2", (),
        "line of log concentration through the three or more last positive samples after the peak with the best "
        "adjusted R2; more points win a tie within 0.0001",
        "'not determined' below three points or without decline; noted below two half-lives or an adjusted R2 of 0.9",
        "Gabrielsson & Weiner 2012, Methods Mol Biol 929:377",
    ),
)  # fmt: skip


def convention(quantity: str) -> Convention:
    """Return the convention of a quantity, by quantity or function name.

    Raises
    ------
    UnknownNameError
    """
    for entry in CONVENTIONS:
        if quantity in (entry.quantity, entry.function):
            return entry
    raise UnknownNameError("convention", quantity, [c.quantity for c in CONVENTIONS])


def chosen(function: str, name: str | None) -> str:
    """Return the name of a convention of a function: the default for None.

    Raises
    ------
    UnknownNameError
        The function has no such convention.
    """
    entry = convention(function)
    if name is None:
        return entry.default
    valid = (entry.default, *entry.alternatives)
    if name not in valid:
        raise UnknownNameError(f"convention of {entry.quantity}", name, valid, do=f"one of: {', '.join(valid)}")
    return name
