# The run directory is no output: it holds the resumable states, which must outlive a failed or stopped job.
rule train:
    input:
        unpack(training_files),
    output:
        snapshot=RESULTS / paths.TRAINED,
        history=RESULTS / paths.HISTORY,
    log:
        LOGS / "train/{model}.log",
    priority: 10
    conda:
        ENVIRONMENT
    resources:
        mem_mb=16000,
        runtime=1440,
        gpu=RUN.gpus,
    params:
        recipe=RUN.recipe_digest,
        rundir=lambda w: RESULTS / f"train/{w.model}/run",
        options=RUN.training_options,
    shell:
        "python -m stylenat --log {log} train --model {wildcards.model} --manifest {input.manifest} --rundir {params.rundir}"
        " {params.options} --history {output.history} --out {output.snapshot}"
