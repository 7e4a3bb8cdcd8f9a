"""The functions, a folder each: a handler of a few lines that calls the pipeline."""
