# The page, and its figures as Markdown. Needs: everything above. Makes: results/report.html, results/results.md.


rule report:
    input:
        program=program("report"),
        settings=settings_of("report"),
        table=rules.collect_metrics.output.table,
        metrics=[file for dataset in DATASETS for file in PLAN.all_metrics(dataset)],
        figures=[file for dataset in DATASETS for file in PAGE.figures(dataset)],
        tables=[file for dataset in DATASETS for file in PAGE.tables(dataset)],
    output:
        page=f"{RESULTS}/report.html",
    log:
        f"{LOGS}/report.log",
    threads: ONE
    resources:
        mem_mb=memory(500),
        runtime=10,
    message:
        "Writing {output.page}"
    shell:
        "python {input.program:q} --settings {input.settings:q} --metrics {input.metrics:q} "
        "--figures {input.figures:q} --tables {input.tables:q} "
        "--out {output.page:q} 9>&2 &> {log:q}"


rule summarise:
    input:
        program=program("summarise"),
        settings=settings_of("summarise"),
        metrics=[file for dataset in DATASETS for file in PLAN.all_metrics(dataset)],
        rankings=expand(f"{RESULTS}/{{dataset}}/ranking.csv", dataset=DATASETS),
        comparisons=[PLAN.comparisons(dataset) for dataset in PLAN.one_class],
        reliability=expand(f"{RESULTS}/{{dataset}}/reliability/reliability.json", dataset=PLAN.one_class),
    output:
        text=f"{RESULTS}/results.md",
    log:
        f"{LOGS}/results.log",
    threads: ONE
    resources:
        mem_mb=memory(300),
        runtime=5,
    message:
        "Writing {output.text}"
    shell:
        "python {input.program:q} --settings {input.settings:q} --metrics {input.metrics:q} "
        "--rankings {input.rankings:q} --comparisons {input.comparisons:q} --reliability {input.reliability:q} --out {output.text:q} 9>&2 &> {log:q}"
