# What every rule is made from. Needs: the options that a program is told (rule_parts.smk). A rule says what it reads, makes
# and is called, and where it takes more than this.


rule stage:
    input:
        no_target,
    log:
        f"{LOGS}/stage.log",
    threads: ONE
    resources:
        mem_mb=memory(500),
        runtime=minutes(10),
    params:
        options=options,
    shell:
        COMMAND
