"""Decoders and encoders of the codecs in `softphone.codec`, in batches over many packets and legs."""
