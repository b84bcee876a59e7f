"""One module a stage of the pipeline."""
