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
    threads: ASKS.training_threads
    resources:
        **ASKS.on_device,
        mem_mb=ASKS.training_mb,
        disk_mb=ASKS.training_disk_mb,
        runtime=CLUSTER.training_minutes,
        gpu=ASKS.training_gpus,
        nodes=1,
    params:
        recipe=RUN.recipe_digest,
        rundir=lambda w: RESULTS / paths.RUNS.format(model=w.model),
        options=RUN.training_options,
    shell:
        "python -m stylenat --log {log} train --model {wildcards.model} --manifest {input.manifest} --rundir {params.rundir}"
        " {params.options} --processes {resources.gpu} ${{SLURM_JOB_ID:+--time-limit {resources.runtime}}}"
        " --history {output.history} --out {output.snapshot}"
