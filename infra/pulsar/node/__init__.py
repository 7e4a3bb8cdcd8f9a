"""Programs that run on the cluster's machines, by the Python 3.9 that is there and its library."""
