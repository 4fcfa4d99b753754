local N = 200
local K = 14
local function tree(d,x) if d == 0 then return false end return {tree(d-1,x+d),x,tree(d-1,x-1)} end
local function walk(t) if not t then return 1 end return walk(t[1])+t[2]+walk(t[3]) end
local s = 0
for i=N,1,-1 do s = s+walk(tree(K,i)) end
print(string.format("%d",s))
