#![doc = "in construction"]
