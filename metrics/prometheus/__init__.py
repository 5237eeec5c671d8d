"""What Prometheus scrapes: the instruments of all processes that share a data folder, and samples of the moment."""
