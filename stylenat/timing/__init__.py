"""How fast networks are: every network of a run measured in turn, in one process, under one protocol."""
