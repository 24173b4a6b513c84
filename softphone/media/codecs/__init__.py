"""Decoders and encoders of the codecs in `softphone.codec`: many packets of many legs in a call, never leg by leg."""
