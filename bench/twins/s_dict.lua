local N = 300000
local K = 1000
local d,x = {},42
for i=1,N do
  local w = "w"..math.floor(x/65536)%K
  d[w] = (d[w] or 0)+1
  x = (x*1664525+1013904223)%2147483648
end
local m,s = 0,0
for w,c in pairs(d) do m=m+1 s=s+(tonumber(w:sub(2))+1)*c end
print(string.format("(%d %d)",m,s))
