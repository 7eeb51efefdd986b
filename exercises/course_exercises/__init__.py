"""Exercises that check themselves: what a task is, how an answer is examined, and grading."""
