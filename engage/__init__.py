"""Engage: patient engagement for chains of dental and medical clinics on WeChat official accounts."""
