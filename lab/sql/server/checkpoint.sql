-- Write everything down, so that no checkpoint left over from loading falls into a measurement
CHECKPOINT;
