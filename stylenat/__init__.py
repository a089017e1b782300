"""StyleNAT reproducibility harness: one workflow from the paper's claims to verdicts with evidence."""

__version__ = "0.1.0"
