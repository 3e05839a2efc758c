# What jobs ask a machine or a cluster for. Needs: config. Makes: the processors, memory and time that rules declare; on a
# cluster, more of the last two with each attempt.
from medfusion.planning.environment import CUDA_MEMORY, by_attempt, share_of_cores

ON_CLUSTER = bool(workflow.resource_settings.nodes)  # jobs are submitted, -j of them at once
# Of -j; none for --dag and -n, and not for jobs on clusters, where --cores limits those that are submitted as one.
CORES = None if ON_CLUSTER else workflow.resource_settings.cores
# Slots of -j that one busy processor takes, and those of a job that trains or applies a network.
ONE = share_of_cores(1, CORES)
NETWORK = share_of_cores(config["compute"]["threads"], CORES)

# Megabytes beside the program of a job that was submitted: two Snakemakes, one that the scheduler starts and one that this
# starts to run the command. Each had 140 when it was measured.
BESIDE_PROGRAM = 300 if ON_CLUSTER else 0
# What one submission may take at most, by the profile.
MEMORY_LIMIT = snakemake_compat.memory_limit(workflow)


def memory(program, network=None):
    """Megabytes of a job.

    Parameters
    ----------
    program : that its program takes, a number or a function of wildcards
    network : the rule's name, where TensorFlow takes a GPU if the job asks for one
    """
    on_gpu = network and snakemake_compat.asks_for_gpu(workflow, network)
    beside = BESIDE_PROGRAM + (CUDA_MEMORY if on_gpu else 0)
    if ON_CLUSTER:
        of = program if callable(program) else lambda wildcards: program
        return lambda wildcards, attempt: by_attempt(of(wildcards) + beside, attempt, MEMORY_LIMIT)
    return (lambda wildcards: program(wildcards) + beside) if callable(program) else program + beside


def minutes(first):
    """The time limit of a job that should take so many minutes at most."""
    return (lambda wildcards, attempt: by_attempt(first, attempt)) if ON_CLUSTER else first
