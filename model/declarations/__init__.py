"""What an action or a part of the model says about itself: the capability that it needs, what it offers to plans, what proves it."""
