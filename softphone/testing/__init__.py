"""What tests of bots and of this project run on: a wire in memory, a bridge without media, a clock that jumps."""
