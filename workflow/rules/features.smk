rule features_real:
    input:
        images=RESULTS / paths.PREPARED,
        weights=RUN.detector_weights,
    output:
        RESULTS / paths.REAL_FEATURES,
    log:
        LOGS / "features/{detector}/real/{dataset}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=8000,
        runtime=240,
        gpu=RUN.gpus,
    params:
        code=provenance.features_code(),
        device=RUN.card.device,
    shell:
        "python -m stylenat --log {log} features --detector {wildcards.detector} --weights {input.weights}"
        " --images {input.images} --device {params.device} --out {output}"


use rule features_real as features_fake with:
    input:
        images=RESULTS / paths.SAMPLES,
        weights=RUN.detector_weights,
    output:
        RESULTS / paths.FAKE_FEATURES,
    log:
        LOGS / "features/{detector}/{model}/seed{seed}-n{num}.log",
