"""Shared words of the harness: cards, catalog, records, provenance, files. Import-light: no torch."""
