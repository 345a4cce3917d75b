"""The worker and clock processes: they answer the doorbell and ring what is due."""
