"""What is unsafe or contradictory in a configuration: facts gathered once, and checks that are pure."""
