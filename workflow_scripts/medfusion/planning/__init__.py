"""What the Snakefile asks: the configuration, the files and settings of each job, what must run again."""
