from snakemake.utils import min_version

min_version("9.1")


configfile: f"{workflow.basedir}/config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/plan.smk"
include: "workflow/rules/fetch.smk"
include: "workflow/rules/prepare.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/import.smk"
include: "workflow/rules/sample.smk"
include: "workflow/rules/maps.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/throughput.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/judge.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/report.smk"


# Every record is a target of its own: a measurement that fails must fail the run, not hide behind an older verdict.
rule all:
    default_target: True
    input:
        RUN.records,
        RUN.verdicts,
        RESULTS / paths.REPORT,


# What would keep Snakemake waiting for ever is refused before anything is submitted.
onstart:
    check_cluster()


# The report is rendered again without what failed, so that it never shows a verdict on a record that is gone.
onerror:
    render_after_failure()
