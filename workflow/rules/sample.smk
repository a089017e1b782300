rule sample:
    input:
        RUN.weights,
    output:
        RESULTS / paths.SAMPLES,
    log:
        LOGS / "sample/{model}/seed{seed}-n{num}.log",
    benchmark:
        LOGS / "sample/{model}/seed{seed}-n{num}.benchmark.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=8000,
        runtime=720,
        gpu=RUN.gpus,
    params:
        code=RUN.sample_digest,
        device=RUN.card.device,
    shell:
        "python -m stylenat --log {log} sample --model {wildcards.model} --weights {input} --seed {wildcards.seed}"
        " --count {wildcards.num} --device {params.device} --out {output}"
