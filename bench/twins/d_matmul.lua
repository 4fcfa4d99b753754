local N = 6
local K = 60
local function rows(m)
  local a = {}
  for i=1,K do a[i] = {} for j=1,K do a[i][j] = (i*m+j*j)%97 end end
  return a
end
local s = 0
for n=N,1,-1 do
  local a,b = rows(n),rows(n+5)
  for i=1,K do for j=1,K do
    local d = 0
    for l=1,K do d = d+a[i][l]*b[l][j] end
    s = (3*s+d)%1000003
  end end
end
print(string.format("%d",s))
