"""What lies in the folder of one training: its files' names, and when its trainer counts as gone.

train/MODEL/run/DIGEST/   the digest is of architecture, recipe and images: a changed card starts anew in its own
    training_options.json  the resolved recipe
    log.jsonl              a line each `log_nimg` images: {"nimg", "step", means of losses, rates}
    quick_fid.jsonl        where the recipe has it: {"nimg", "fid", "samples", "detector", "label"}, to watch by
    timing.jsonl           beside each of them {"nimg", "seconds", "images_per_second"} since the line before
    lease.json             while a trainer is at work: who it is; touched again and again
    state/NIMG/            what a stopped training goes on from
"""

OPTIONS_NAME = "training_options.json"
LOG_NAME, TIMING_NAME, QUICK_NAME = "log.jsonl", "timing.jsonl", "quick_fid.jsonl"
LEASE_NAME = "lease.json"
STALE_SECONDS = 120.0  # shared file systems show another machine's touch up to a minute late
STATE_FOLDER = "state"
