# Jobs on other machines. Needs: all rules. Makes: nothing of its own. What a rule says it needs is what its program needs;
# on a cluster two Snakemakes stay beside the program, the one that the scheduler starts and the one that runs the command.
BESIDE_PROGRAM = 300  # megabytes; each of the two had 140 when it was measured

if ON_CLUSTER:
    for rule_there in workflow.rules:
        memory = rule_there.resources.get("mem_mb")
        if memory.value is not None:
            rule_there.resources["mem_mb"] = type(memory)("mem_mb", memory.value + BESIDE_PROGRAM)
