"""What a clinic may hold on people: merged charts, consent, copies given out, erasure."""
