"""Programs beside the stages: finished runs kept and compared, several runs planned together, a run watched."""
