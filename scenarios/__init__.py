"""What is played by whom and how it is scored: YAML files, the loader, evaluation, reports."""
