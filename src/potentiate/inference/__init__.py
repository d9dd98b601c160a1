"""What recordings say about mechanisms: fits, intervals, comparisons, the next experiment."""
