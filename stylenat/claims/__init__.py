"""Pure verdict rules: records in, verdicts out. No files, no torch."""
