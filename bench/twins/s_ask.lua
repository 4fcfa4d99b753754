local N = 1000000
local Q = 1000000
local M = 1000000
local a={} for i=0,N-1 do a[i+0.5]=2*i end -- keys with a half: hash part, not array part
local s,i=0,0 for t=1,Q do s=s+a[i+0.5] i=(i+618033)%M end print(string.format("%d",s))
