"""The metric page in plain Python: the yardstick that the project's SQL is measured with."""
