# The page, and its figures as Markdown. Needs: everything above. Makes: results/report.html, results/results.md.


rule report:
    input:
        program=program("report"),
        settings=IDENTITY.settings("report"),
        table=rules.collect_metrics.output.table,
        metrics=[file for dataset in DATASETS for file in PLAN.all_metrics(dataset)],
        figures=[file for dataset in DATASETS for file in PAGE.figures(dataset)],
        tables=[file for dataset in DATASETS for file in PAGE.tables(dataset)],
    output:
        page=f"{RESULTS}/report.html",
    log:
        f"{LOGS}/report.log",
    benchmark:
        benchmark_of("report", "report")
    threads: ONE
    resources:
        mem_mb=500,
        runtime=10,
    params:
        settings=IDENTITY.params("report"),
    message:
        "Writing {output.page}"
    shell:
        "named() {{ for file in $@; do name=${{file#$(dirname {output.page})/}}; echo ${{name%.*}}=$file; done; }}; "
        "python {input.program} --settings {input.settings} --metrics {input.metrics} "
        "--figures $(named {input.figures}) --tables $(named {input.tables}) "
        "--out {output.page} 9>&2 &> {log}"


rule summarise:
    input:
        program=program("summarise"),
        settings=IDENTITY.settings("summarise"),
        metrics=[file for dataset in DATASETS for file in PLAN.all_metrics(dataset)],
        comparisons=[PLAN.comparisons(dataset) for dataset in PLAN.one_class],
        reliability=expand(f"{RESULTS}/{{dataset}}/reliability/reliability.json", dataset=PLAN.one_class),
    output:
        text=f"{RESULTS}/results.md",
    log:
        f"{LOGS}/results.log",
    benchmark:
        benchmark_of("summarise", "results")
    threads: ONE
    resources:
        mem_mb=300,
        runtime=5,
    params:
        settings=IDENTITY.params("summarise"),
    message:
        "Writing {output.text}"
    shell:
        "python {input.program} --settings {input.settings} --metrics {input.metrics} "
        "--comparisons {input.comparisons} --reliability {input.reliability} --out {output.text} 9>&2 &> {log}"
