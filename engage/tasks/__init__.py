"""What staff are asked to do: calls to make, figures to look into."""
