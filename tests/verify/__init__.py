"""verify: each question has an answer that is as assumed, and one that is different."""
