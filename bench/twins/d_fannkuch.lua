local N = 9
local count,sum,max,p = 0,0,0,{}
for i=1,N do p[i] = i end
local function leaf()
  local q,f = {},0
  for i=1,N do q[i] = p[i] end
  while q[1] ~= 1 do
    local i,j = 1,q[1]
    while i < j do q[i],q[j] = q[j],q[i] i=i+1 j=j-1 end
    f = f+1
  end
  sum = count%2 == 0 and sum+f or sum-f
  count = count+1
  if f > max then max = f end
end
local function all(n)
  if n == 1 then leaf() return end
  for _=1,n do
    all(n-1)
    local h = p[1]
    for j=1,n-1 do p[j] = p[j+1] end
    p[n] = h
  end
end
all(N)
print(string.format("(%d %d)",sum,max))
