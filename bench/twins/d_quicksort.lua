local N = 200
local K = 2000
local function sort(a,lo,hi)
  while lo < hi do
    local p,i,j = a[lo],lo,hi
    while i <= j do
      while a[i] < p do i=i+1 end
      while a[j] > p do j=j-1 end
      if i <= j then a[i],a[j] = a[j],a[i] i=i+1 j=j-1 end
    end
    sort(a,lo,j)
    lo = i
  end
end
local s = 0
for i=N,1,-1 do
  local a,x = {},i
  for j=1,K do a[j] = x%100003 x = (x*1664525+1013904223)%2147483648 end
  sort(a,1,K)
  for j=1,K do s = (s+j*a[j])%1000003 end
end
print(string.format("%d",s))
