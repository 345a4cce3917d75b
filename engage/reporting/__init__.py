"""What happened, counted: reports for those who run the clinic."""
