"""Safety checks: what a client says about harm, read by people whom the organisation has named, and by nobody else."""
