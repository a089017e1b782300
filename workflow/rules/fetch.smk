localrules:
    fetch_images,
    fetch_weights,


rule fetch_images:
    output:
        directory(RESULTS / paths.RAW_IMAGES),
    log:
        LOGS / "fetch/images/{raw}.log",
    retries: 0
    conda:
        ENVIRONMENT
    params:
        dataset=RUN.dataset_with_raw,
    shell:
        "python -m stylenat --log {log} fetch --dataset {params.dataset} --out {output}"


rule fetch_weights:
    output:
        RESULTS / paths.DETECTOR_WEIGHTS,
    log:
        LOGS / "fetch/weights/{detector}.log",
    retries: 0
    conda:
        ENVIRONMENT
    params:
        card=lambda w: RUN.digest("detectors", w.detector),
        weights=RUN.card.weights,
    shell:
        "python -m stylenat --log {log} fetch --detector {wildcards.detector} --weights {params.weights} --out {output}"
