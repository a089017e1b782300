"""Foreign checkpoints: files of other projects, read as data without running anything that stands in them."""
