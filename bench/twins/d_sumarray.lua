local N = 1000
local K = 2000
local a = {}
for i=1,K do a[i] = i*7919%10007 end
local s = 0
for i=N,1,-1 do for j=1,K do s = (s*i+a[j])%1000003 end end
print(string.format("%d",s))
