"""Tenants (chains of clinics) and their staff: who they are, what they may do, their log-ins."""
