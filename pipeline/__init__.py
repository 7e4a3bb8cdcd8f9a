"""The processing code: everything between bytes on a stream and rows in the lake."""
