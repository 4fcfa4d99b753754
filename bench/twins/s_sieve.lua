local N = 400000
local out = {}
local p = 2
while p*p <= N do
  if not out[p] then for j=p*p,N,p do out[j] = true end end
  p = p+1
end
local k,s = 0,0
for i=2,N do if not out[i] then k=k+1 s=s+i end end
print(string.format("(%d %d)",k,s))
