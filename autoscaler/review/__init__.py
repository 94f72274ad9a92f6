"""What a reviewer asks of a decision: is it as the tests say, why is it so, and what would have flipped it. Pure."""
