# Statistics of single shards lie beside the declared output: they outlive a job that failed or was stopped.
rule features_real:
    input:
        images=RESULTS / paths.PREPARED,
        weights=PASSES.weights,
    output:
        RESULTS / paths.REAL_FEATURES,
    log:
        LOGS / "features/reals/{dataset}.log",
    benchmark:
        LOGS / "features/reals/{dataset}.benchmark.tsv"
    conda:
        ENVIRONMENT
    threads: PASSES.workers
    resources:
        **ASKS.on_device,
        mem_mb=ASKS.pass_mb,
        disk_mb=ASKS.pass_disk_mb,
        runtime=ASKS.pass_minutes,
        gpu=ASKS.gpus,
    params:
        digest=PASSES.digest,
        options=PASSES.options,
    shell:
        "python -m stylenat --log {log} features --images {input.images} {params.options} --workers {threads}"
        " --out {output}"


rule features_fake:
    input:
        snapshot=RUN.weights,
        weights=PASSES.weights,
    output:
        RESULTS / paths.FAKE_FEATURES,
    log:
        LOGS / "features/fakes/{model}/seed{seed}.log",
    benchmark:
        LOGS / "features/fakes/{model}/seed{seed}.benchmark.tsv"
    conda:
        ENVIRONMENT
    threads: PASSES.workers
    resources:
        **ASKS.on_device,
        mem_mb=ASKS.pass_mb,
        disk_mb=ASKS.pass_disk_mb,
        runtime=ASKS.pass_minutes,
        gpu=ASKS.gpus,
    params:
        digest=PASSES.digest,
        options=PASSES.options,
    shell:
        "python -m stylenat --log {log} features --model {wildcards.model} --weights {input.snapshot}"
        " --seed {wildcards.seed} {params.options} --workers {threads} --out {output}"
